"""The job that is left alone at night: fit, judge, publish or keep."""
