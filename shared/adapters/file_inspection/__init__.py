"""Checks that refuse a file before parsing (spec 03 section 2, P13-P27)."""

from shared.adapters.file_inspection.inspector import FileInspection, inspect
from shared.adapters.file_inspection.zip_archives import ZipArchives

__all__ = ["FileInspection", "ZipArchives", "inspect"]
