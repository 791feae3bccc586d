"""What strangers may name: addresses on the web, and files of one folder."""
