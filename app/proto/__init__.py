"""The wire contract: .proto files, and the code made from them."""
