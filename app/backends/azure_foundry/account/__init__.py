"""The subscription: signing in, finding and making projects, quotas, prices."""
