"""What `groundwell eval` consists of."""
