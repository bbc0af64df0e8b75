"""Mail that people send to people: written in steps, sent once each, and listened to."""
