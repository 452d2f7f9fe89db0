"""The cloud's fixtures, for the tests of the cloud itself."""

from tests.support.azure.fixtures import azure_certificates, azure_credentials, azurite, cloud, entered_cloud

__all__ = ["azure_certificates", "azure_credentials", "azurite", "cloud", "entered_cloud"]
