"""The store that hosts share: documents of files, each an object named by its SHA-256, in a folder or in S3.

From outside: `place.open_store`. An object is put once and never overwritten; whoever reads one compares it with its
name (`run.stored_documents`). obstore is imported only where the config names a bucket.
"""
