"""What people look at: pictures, charts and the page of a report."""
