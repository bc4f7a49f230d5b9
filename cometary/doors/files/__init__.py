"""What browsers get as files: the client, a page for servers without pages, and the application's own."""
