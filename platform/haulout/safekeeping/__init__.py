"""What survives the loss of a home: backups that are whole or not there, and the way back from one."""
