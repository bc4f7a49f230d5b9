"""What browsers are given as files: the client, a page for servers without pages, the application's own."""
