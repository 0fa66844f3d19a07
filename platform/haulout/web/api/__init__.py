"""The interface for programs: what the pages show as JSON, described as OpenAPI, opened by tokens."""
