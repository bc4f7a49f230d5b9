"""The push server as a Windows service, with pywin32: python windows_service.py install, then start."""

from importlib import import_module
from threading import Event
from typing import Any

from cometary.server import BackgroundServer
from cometary.settings import load

service: Any = import_module("win32service")  # these are there on Windows alone
services: Any = import_module("win32serviceutil")


class PushService(services.ServiceFramework):  # type: ignore[misc]
    """Starts the server when Windows says so, and stops it from whichever thread Windows calls."""

    _svc_name_ = "cometary"
    _svc_display_name_ = "Push server"

    server = BackgroundServer(load({"config": r"C:\push\cometary.toml"}, {}))
    stopped = Event()

    def SvcDoRun(self) -> None:  # noqa: N802 - pywin32's name
        """Serve until told to stop."""
        self.server.start()
        self.stopped.wait()

    def SvcStop(self) -> None:  # noqa: N802 - the same
        """Stop: all sessions are told, and every port is closed."""
        self.ReportServiceStatus(service.SERVICE_STOP_PENDING)
        self.server.stop()
        self.stopped.set()


if __name__ == "__main__":
    services.HandleCommandLine(PushService)
