"""
The same network behind other servers, each as its own documentation would have it written.

Each module runs in an environment of its own, made of the requirements beside it; what starts
it, and with which settings, is in `benchmarks/servers.py`. The files of the network lie in the
folder that a server is started in.
"""
