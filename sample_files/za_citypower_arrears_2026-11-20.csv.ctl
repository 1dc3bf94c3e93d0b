{"records": 5, "amounts": {"ZAR": "13.744,60", "USD": "40,00"}}
