"""Pure decisions of the loop: what to ask, what the answers say, who is who, how many; values in, values out."""
