"""The hall behind both doors: guard, dependencies, problem details."""
