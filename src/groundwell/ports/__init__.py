"""What the stages need from technology: one Protocol per file, domain types only."""
