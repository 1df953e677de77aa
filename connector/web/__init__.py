"""The public pages and the operator's endpoints: health, metrics, unsubscribe. Used by connector.app only."""
