"""The Dataverse Web API client. A library: no Django, no word of couplings or jobs."""
