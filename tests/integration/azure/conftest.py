"""What the tests of the Azure backend share."""

from tests.support.azure.bare import bare_cloud
from tests.support.azure.fixtures import azure_certificates, azurite

__all__ = ["azure_certificates", "azurite", "bare_cloud"]
