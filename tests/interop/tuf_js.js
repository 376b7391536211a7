// SPDX-License-Identifier: Apache-2.0
//
// tuf-js, a TUF client of other people, as a command:
//
//	node tuf_js.js HUB METADATA_DIR TARGET_DIR [TARGET_PATH...]
//
// refreshes what METADATA_DIR holds (a root.json at the beginning), then fetches each target into TARGET_DIR,
// named as its path with '_' for '/'.  Prints "refreshed" and each path that was fetched and verified;
// exit status 1 with the reason where tuf-js refuses.  NODE_EXTRA_CA_CERTS names the hub's CA, NODE_PATH
// where tuf-js is.  With KEBAO_CERT and KEBAO_KEY (PEM files) a client certificate is shown.
'use strict';
const fs = require('fs');
const https = require('https');
const path = require('path');
const { BaseFetcher, Updater } = require('tuf-js');
const { DownloadHTTPError } = require('tuf-js/dist/error');

// tuf-js has no place for a client certificate, but takes whoever can turn a URL into a stream.
class CertifiedFetcher extends BaseFetcher {
	constructor(cert, key) {
		super();
		this.agent = new https.Agent({ keepAlive: true, cert, key });
	}

	fetch(url) {
		return new Promise((resolve, reject) => {
			https.get(url, { agent: this.agent }, (answer) => {
				if (answer.statusCode === 200) {
					resolve(answer);
					return;
				}
				answer.resume();
				// By this kind of error tuf-js sees that there is no newer root.
				reject(new DownloadHTTPError('Failed to download', answer.statusCode));
			}).on('error', reject);
		});
	}

	close() {
		this.agent.destroy();
	}
}

const certifiedFetcher = () => {
	const { KEBAO_CERT, KEBAO_KEY } = process.env;
	return KEBAO_CERT === undefined
		? undefined
		: new CertifiedFetcher(fs.readFileSync(KEBAO_CERT), fs.readFileSync(KEBAO_KEY));
};

const main = async ([hub, metadataDir, targetDir, ...targets]) => {
	const fetcher = certifiedFetcher();
	const updater = new Updater({
		metadataDir,
		metadataBaseUrl: `${hub}/metadata`,
		targetDir,
		targetBaseUrl: `${hub}/targets`,
		fetcher,
		config: { fetchRetries: 0 },
	});
	try {
		await updater.refresh();
		console.log('refreshed');
		for (const target of targets) {
			const info = await updater.getTargetInfo(target);
			if (info === undefined)
				throw new Error(`${target}: no role vouches for it`);
			await updater.downloadTarget(info, path.join(targetDir, target.replaceAll('/', '_')));
			console.log(target);
		}
	} finally {
		fetcher?.close();
	}
};

main(process.argv.slice(2)).catch((failure) => {
	console.error(`${failure.constructor.name}: ${failure.message}`);
	process.exitCode = 1;
});
