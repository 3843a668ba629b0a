"""The Dataverse Web API client: a library that knows no Django, and nothing of couplings or jobs."""
