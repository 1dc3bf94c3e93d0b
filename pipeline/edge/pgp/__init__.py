"""OpenPGP files, by GnuPG's `gpg` in a child process with a home of its own. Callers use `decrypt`.

Nothing of what comes out of `Decryption.blocks` may be read before that has ended without an error.
"""
