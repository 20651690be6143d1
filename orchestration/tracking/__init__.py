"""Public pages on which a customer follows a parcel, behind signed links that end by themselves."""
