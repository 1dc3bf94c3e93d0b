// Everything works without this script; with it a page is quicker to use.
"use strict";
