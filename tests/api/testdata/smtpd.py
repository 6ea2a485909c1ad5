# An SMTP server for tests (aiosmtpd, Debian's python3-aiosmtpd): it offers
# STARTTLS, wants a password, and writes each message into a file. Arguments:
# folder, certificate, key. It prints its port.
import asyncio, os, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

folder, certificate, key = sys.argv[1:4]


class Handler:
    count = 0
    deferred = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "550 no such user"
        if address.startswith("later@") and address not in self.deferred:
            self.deferred.add(address)
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        Handler.count += 1
        part = os.path.join(folder, "%d.part" % Handler.count)
        with open(part, "wb") as f:
            f.write(("X-Envelope: %s -> %s\r\n" % (envelope.mail_from, ",".join(envelope.rcpt_tos))).encode())
            f.write(envelope.original_content)
        os.rename(part, part[:-5] + ".eml")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"store" and data.password == b"p@ss word")


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    handler = Handler()
    factory = lambda: SMTP(handler, hostname="localhost", tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
