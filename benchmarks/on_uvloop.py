"""revloop's command line on uvloop's event loop, for comparison."""

from __future__ import annotations

import asyncio

import uvloop

from revloop.cli import main

if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    main()
