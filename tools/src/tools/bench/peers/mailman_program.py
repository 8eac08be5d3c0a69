"""The program of mailman.py, run by the Python that has Mailman: reads what to do as JSON, writes when its runner began
and what that cost as JSON. It imports nothing of ours."""

import email
import json
import sys
import time
from pathlib import Path
from typing import Any

LIST = "all@minami.renrakumo.example"

CONFIGURATION = """
[mailman]
site_owner: operator@minami.renrakumo.example
layout: bench

[paths.bench]
var_dir: {folder}
template_dir: {folder}/templates

[mta]
incoming: mailman.mta.null.NullMTA
outgoing: mailman.mta.deliver.deliver
smtp_host: {host}
smtp_port: {port}
verp_delivery_interval: 1
max_sessions_per_connection: 0
"""


def main() -> None:
    told: dict[str, Any] = json.load(sys.stdin)
    path = Path(told["folder"]) / "mailman.cfg"
    path.write_text(CONFIGURATION.format(**told))

    # Mailman reads its configuration when it is initialised, and its modules want that done before they are imported.
    from mailman.core.initialize import initialize

    initialize(str(path))

    from mailman.app.lifecycle import create_list
    from mailman.config import config
    from mailman.database.transaction import transaction
    from mailman.email.message import Message
    from mailman.interfaces.domain import IDomainManager
    from mailman.interfaces.usermanager import IUserManager
    from mailman.runners.outgoing import OutgoingRunner
    from zope.component import getUtility

    with transaction():
        getUtility(IDomainManager).add(LIST.partition("@")[2])
        members = create_list(LIST)
        for address in told["recipients"]:
            members.subscribe(getUtility(IUserManager).create_address(address))
    message = email.message_from_string(told["mail"], _class=Message)
    message.original_size = len(told["mail"])
    config.switchboards["out"].enqueue(
        message, recipients=set(told["recipients"]), listid=LIST.replace("@", "."), to_list=True
    )

    began, cpu = time.perf_counter(), time.process_time()
    OutgoingRunner("out")._one_iteration()
    print(json.dumps({"began": began, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
