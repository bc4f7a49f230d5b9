"""Who may hear what.

1. Rules are asked with the request, behind the project's middleware: `request.user` is whom Django takes it for.
2. Nothing is heard that no rule permits, and nobody who has not logged in hears anything unless a rule says that it
   is for them as well.
"""

from django.http import HttpRequest

from cometary.contrib.rules import Rules

RULES: Rules[HttpRequest] = Rules(lambda request: request.user.is_authenticated)

authorize = RULES.authorize
"""Make a function the rule for paths; see `Rules.authorize`."""
