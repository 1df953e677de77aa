"""Shopify: the only package that imports its SDKs and knows its GraphQL documents."""
