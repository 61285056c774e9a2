"""What do tests share? Payloads, ports, waiting, and programs we did not write as context managers."""
