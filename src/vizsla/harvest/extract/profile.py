"""
What does a page say of the company behind its own domain?
"""

from vizsla.harvest.extract.profile_paths import is_home_path, is_profile_path

__all__ = ["is_home_path", "is_profile_path"]
