"""config.yaml and the environment over it, as Settings; every mistake is one line that says what to change.

From outside only the names below are called: `load_config` first, secrets when they are needed. The modules are for
each other, no other room may parse YAML or read BILLFERRY_ variables, and no message may repeat a value.

- `document` YAML as plain values
- `environment` the BILLFERRY_ variables; `one_variable` the values of one
- `load` both as Settings, and all that is wrong with them
- `feed_prints` hashes of feeds, as the ledger keeps them
- `config_print` hashes of whole configs, for the audit trail
- `unset` values that are not set yet, and what is right in a feed beside them
- `mistakes`, `words` how a mistake is reported, without the value
- `folders`, `addresses` what types cannot show: places that share files, addresses, time zones
- `secret_values` keys, from the environment or from files that nobody else can read
"""

from pipeline.edge.config.config_print import config_parts, config_print
from pipeline.edge.config.feed_prints import feed_print, same_feed
from pipeline.edge.config.folders import folder_mistake, is_within, own_place
from pipeline.edge.config.load import Config, load_config
from pipeline.edge.config.secret_values import api_key, page_secret, ping_url, webhook_secrets
from pipeline.edge.config.unset import proposed_feed

__all__ = [
    "Config",
    "api_key",
    "config_parts",
    "config_print",
    "feed_print",
    "folder_mistake",
    "is_within",
    "load_config",
    "own_place",
    "page_secret",
    "ping_url",
    "proposed_feed",
    "same_feed",
    "webhook_secrets",
]
