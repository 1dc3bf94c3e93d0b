"""The page in the browser: what the ledger knows, shown; and what people decide, remembered.

- `app` the routes, each with the role it needs; `site` what every view is given
- `people` who asks, and what they may do; `guards` what a request must have before a view sees it
- `views` of files and of everything else; each is a function from a request to a page
- `templates`, `static` what is sent; they stand on those of `report/html`
"""
