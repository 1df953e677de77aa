"""A simulated Shopify store platform: shops, their shoppers, the Admin API and webhooks, over HTTP."""
