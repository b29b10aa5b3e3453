"""What `ablate doctor` looks at: nothing here changes anything on the disk."""
