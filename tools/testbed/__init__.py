"""What the programs and the tests share: models, prices, requests, a service to ask."""
