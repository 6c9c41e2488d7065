"""The portal's objects: deals, contacts, tasks and users, which people and programs change."""
