"""The door for programs: REST, its routes and its OpenAPI document."""
