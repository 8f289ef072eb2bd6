#!/usr/bin/env python3
"""Starts MiniStack with authorisation on, at any free port; prints `ministack: http://127.0.0.1:PORT` when it is ready.

Ends when its input closes, as the emulator does. The port is bound here and handed over open, so that nothing can take it.
"""

import asyncio
import os
import socket
import threading


def end_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


def main():
    threading.Thread(target=end_with_stdin, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.environ.update(AUTH="true", BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port), MINISTACK_ACCOUNT_ID="123456789012",
                      SFTP_ENABLED="0", IOT_MTLS_ENABLED="0", LOG_LEVEL="ERROR")
    # These read the environment when they are loaded.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    async def announced(scope, receive, send):
        async def sent(event):
            await send(event)
            if event["type"] == "lifespan.startup.complete":
                print(f"ministack: http://127.0.0.1:{port}", flush=True)

        await app(scope, receive, sent if scope["type"] == "lifespan" else send)

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    asyncio.run(serve(announced, config))


if __name__ == "__main__":
    main()
