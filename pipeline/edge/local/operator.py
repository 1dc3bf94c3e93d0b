"""Who gives a command, as far as the system knows: for the record of decisions."""

from __future__ import annotations

import os
import pwd

from pipeline.core.release_decisions import Person


def invoking_user() -> Person:
    """The user of this process and the name of this host. Not by the environment, which anybody may set."""
    try:
        user_name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a user without a name
        user_name = str(os.getuid())
    return Person(user_name, os.uname().nodename)
