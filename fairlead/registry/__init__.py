"""The OCI registry: the digest and revision of a tag, another tag for a digest, all tags."""

from fairlead.registry.answers import Resolved
from fairlead.registry.errors import RegistryAway
from fairlead.registry.registry import Registry

__all__ = ["Registry", "RegistryAway", "Resolved"]
