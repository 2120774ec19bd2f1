"""The link to Mangacollec: its API, whether it may be asked, and the accounts of profiles there."""
