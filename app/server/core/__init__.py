"""What the account server does, free of gRPC and HTTP. Refusals are errors of app.domain.errors."""
