"""Every REST method the sandbox knows, put together."""

from bxpull_nb.sandbox.rest.account_methods import AccountMethods
from bxpull_nb.sandbox.rest.application import Application
from bxpull_nb.sandbox.rest.batch_method import BatchMethod
from bxpull_nb.sandbox.rest.crm_methods import record_methods
from bxpull_nb.sandbox.rest.methods import Methods
from bxpull_nb.sandbox.rest.pull_methods import PullMethods
from bxpull_nb.sandbox.settings import Settings

__all__ = ["all_methods"]


def all_methods(
    settings: Settings, pull: PullMethods, application: Application, url: str
) -> Methods:
    """The methods of the portal at `url`."""
    methods = Methods(settings.now, settings.operating_limit)
    methods.add(pull.table())
    methods.add(AccountMethods(settings, application, methods, url).table())
    methods.add(record_methods())
    methods.add(BatchMethod(methods, strict=settings.profile == "guide").table())
    return methods
