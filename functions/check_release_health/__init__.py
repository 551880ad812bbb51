"""The function behind CheckReleaseHealth."""
