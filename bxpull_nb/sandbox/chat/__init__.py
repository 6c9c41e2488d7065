"""Chats of the portal, and the events that `im.v2.Event.get` gives of them."""
