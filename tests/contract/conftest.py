"""What the contract needs of a cloud."""

from tests.support.azure.fixtures import azure_certificates, azurite, cloud, entered_cloud

__all__ = ["azure_certificates", "azurite", "cloud", "entered_cloud"]
