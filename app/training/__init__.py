"""Scripts run by a runtime's interpreter; they import the standard library, one another, and the runtime's packages."""
