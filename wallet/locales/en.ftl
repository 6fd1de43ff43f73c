# The wallet's pages.

wallet-title = Wallet
# In place of the shared one: nobody's servers are behind these pages.
shell-footer = Your wallet runs on this very machine. These pages load nothing from anyone else.
wallet-home = Your credentials
wallet-home-empty = Nothing here yet.
wallet-home-empty-hint = When an issuer has checked who you are, it shows a QR code or a link. Open it here.
wallet-open = Scan or paste
wallet-history = History
wallet-share = Share

wallet-card-issuer = Issued by { $issuer }
wallet-card-expired = Expired
wallet-card-valid = Valid
wallet-card-details = Details

wallet-open-title = Scan or paste
wallet-open-lead = Open the link or QR code that an issuer or a verifier shows you. Nothing leaves this device before you agree.
wallet-open-link = Link
wallet-open-link-hint = It begins with openid-credential-offer:// or openid4vp://
wallet-open-go = Continue
wallet-open-picture = Picture of a QR code
wallet-open-picture-hint = JPEG, PNG or WebP, up to 15 MB.
wallet-open-picture-go = Read the picture
wallet-open-camera-why = The camera is used to read the code. The pictures stay on this device.
wallet-scan-title = Scan with the camera
wallet-scan-ready = Hold the QR code in front of the camera.
wallet-scan-other = This QR code is not one for a wallet.
wallet-scan-found = Found. Opening it.
wallet-scan-stop = Stop the camera

wallet-offer-title = Receive a credential
wallet-offer-from = { $issuer } offers you a credential.
wallet-offer-by-reference = The offer is at { $issuer }. It is fetched when you continue.
wallet-offer-next = We fetch it, check who issued it and that it is valid, and store it encrypted on this device.
wallet-offer-tx-code = Code
wallet-offer-tx-code-hint = The issuer shows it next to the QR code. Leave it empty if there is none.
wallet-offer-accept = Receive the credential
wallet-cancel = Not now

wallet-accepted-title = It is in your wallet
wallet-accepted-lead = { $name } from { $issuer } was checked and stored.
wallet-to-home = See your credentials

wallet-consent-title = { $name } asks for { $count ->
        [one] one detail
       *[other] { $count } details
    }
wallet-consent-registered = Listed and allowed to ask
wallet-consent-no-purpose = The verifier names no purpose.
wallet-consent-always = Always part of it: the type, issuer, validity and status of the credential, and a key made for this credential.
wallet-consent-how-long = Until when this request can be answered
wallet-consent-portrait = Your portrait is among the details. Share it only if { $name } really needs to see you.
wallet-consent-selfie = A selfie, checked on this device
wallet-consent-face = { $name } issued this credential and asks for the face data in it, to compare a selfie with. Nobody else can get it from this wallet.
wallet-consent-selfie-why = { $name } asks you to show that it is you. We compare a selfie with the face in your credential. Neither the picture nor the face data leaves this device; { $name } learns only that it matched.
wallet-consent-selfie-own = Your own setting asks for a selfie before anything is shared. We compare it with the face in your credential. It never leaves this device.
wallet-consent-agree = Share { $count ->
        [one] one detail
       *[other] { $count } details
    } with { $name }
wallet-consent-agree-none = Show the credential to { $name }
wallet-consent-refuse = Share nothing
wallet-consent-agree-chosen = Share what is chosen with { $name }
wallet-consent-portrait-title = Your portrait
wallet-consent-portrait-agree = { $name } may have my portrait
wallet-choice-title = Choose which credential you show
wallet-choice-credential = { $name } from { $issuer }, received { $date }
wallet-extra-title = Asked for, not needed
wallet-extra-add = Share this with { $name } as well

wallet-warning-not-registered = { $name } shows no registration
wallet-warning-not-registered-do = The registry keeps a register of what verifiers may ask for. { $name } shows no entry in it, so nobody has looked at this request. Share only what you find plausible.
wallet-warning-beyond = { $name } asks for more than it has registered: { $claim }
wallet-warning-beyond-do = You can refuse. If you think this is wrong, tell the registry.
wallet-warning-beyond-type = { $name } asks for a credential that it has not registered
wallet-warning-beyond-type-do = You can refuse. If you think this is wrong, tell the registry.
wallet-warning-few = { $credential }: { $count ->
        [one] one fresh copy is left
       *[other] { $count } fresh copies are left
    }
wallet-warning-few-do = Each copy is shown once, so that nobody can follow you. Ask the issuer for new ones soon.
wallet-warning-again = { $credential }: every copy was shown before
wallet-warning-again-do = If { $name } compares with others, they can tell that it was the same person. Ask the issuer for new copies to avoid that.

wallet-nothing-tell = { $name } does not know that yet. You can tell it that there is no answer; it does not learn why.
wallet-nothing-tell-go = Tell { $name } that there is no answer

wallet-presented-title = { $name } has your answer
wallet-presented-lead = You shared:
wallet-presented-nothing = You shared that you hold the credential, and no detail in it.
wallet-presented-continue = Go on at { $name }
wallet-refused-title = Nothing was shared
wallet-refused-lead = { $name } learns that there is no answer, not why.

wallet-details-claims = What is in it
wallet-details-face = Face template
wallet-details-face-value = kept on this device; only its issuer may ask for it
wallet-value-face = numbers that describe your face, no picture
wallet-details-type = Type
wallet-details-format = Format
wallet-details-issuer = Issuer
wallet-details-received = Received
wallet-details-valid-from = Valid from
wallet-details-valid-until = Valid until
wallet-details-status = Status
wallet-details-status-valid = valid when last checked
wallet-details-copies = Copies
wallet-details-copies-left = { $count ->
        [0] all were shown before
        [one] one was not shown to anyone
       *[other] { $count } were not shown to anyone
    }
wallet-details-no-pid = This is not a state-issued identity document.

wallet-history-title = History
wallet-history-lead = What came in and what went out. Only the names of details are kept, never their values.
wallet-history-empty = Nothing has happened yet.
wallet-history-CredentialIssuance = Received
wallet-history-Presentation = Asked
wallet-history-share = Shared
wallet-history-CredentialDeletion = Deleted
wallet-history-Completed = done
wallet-history-NotCompleted = not completed
wallet-history-when = When
wallet-history-what = What
wallet-history-who = Who
wallet-history-details = Details
wallet-history-status = Status
wallet-history-selfie = selfie matched on this device
wallet-history-refused = you shared nothing
wallet-history-not-confirmed = sent, but the other side did not confirm it
wallet-history-until = usable until { $date }
wallet-history-take-back = Nothing can be fetched back. A share can be used once and only until its time runs out. To have data deleted, ask the party named in the entry.

wallet-share-title = Share with a partner
wallet-share-lead = A partner receives the details you choose, encrypted so that only it can read them. The share works once and only for a short time.
wallet-share-partner = Partner
wallet-share-no-partner = The registry lists no partner that receives shares.
wallet-share-no-credential = You have no credential to share yet.
wallet-share-purpose = What for
wallet-share-purpose-value = onboarding
wallet-share-scope = Which details
wallet-share-review = See what will be shared
wallet-share-consent-title = Share with { $name }
wallet-share-expires = Usable until
wallet-share-made-title = The share is ready
wallet-share-made-lead = Give this text to { $name }. It works once, until { $date }.
wallet-share-token = Share token

wallet-error-title = That did not work
wallet-error-nothing-sent = Nothing was sent.
wallet-error-nothing-stored = Nothing was stored.
wallet-error-do-kept = { $do } { $kept }
wallet-error-again = Try again
wallet-error-code = Reason

# What was seen, short enough for a row of the history, and under `-do` what to do about it.
wallet-error-link = This is not a link for a wallet
wallet-error-link-do = Copy the whole link, or scan the QR code again.
wallet-error-qr = There is no readable QR code in the picture
wallet-error-qr-do = Take it closer, straight and in good light.
wallet-error-qr-several = There are several QR codes in the picture
wallet-error-qr-several-do = Cut the picture to one.
wallet-error-picture = The file is not a usable picture
wallet-error-picture-do = Choose a JPEG, PNG or WebP file of at most 15 MB.
wallet-error-tx-code = The code is wrong or expired
wallet-error-tx-code-do = Check it and try again. After five tries the offer is dead.
wallet-error-tx-code-needed = The offer needs a code
wallet-error-tx-code-needed-do = Type the code that the issuer shows next to the QR code.
wallet-error-tx-code-unexpected = The offer takes no code
wallet-error-tx-code-unexpected-do = Open it again and leave the code empty.
wallet-error-issuer = The issuer is not on the trusted list
wallet-error-issuer-do = It is not listed as one that may issue such credentials. Make sure who offers this.
wallet-error-did = The verifier's identifier leads to no key
wallet-error-did-do = Its address does not answer, or does not name the key that signed the request. Ask the verifier for a new link.
wallet-error-registration = The verifier's registration does not hold
wallet-error-registration-do = It is forged, someone else's, expired or taken back. Share nothing, and tell the registry.
wallet-error-in-the-clear = The verifier wants an answer that is not encrypted
wallet-error-in-the-clear-do = Your settings do not allow that. Ask the verifier for a request with encryption.
wallet-error-portrait = Your portrait was not released
wallet-error-portrait-do = Tick the box for the portrait if you want to share it, or share nothing.
wallet-error-credential = The credential does not pass the checks
wallet-error-credential-do = Ask its issuer for a new one.
wallet-error-format = The credential is of a kind that this wallet can not hold
wallet-error-format-do = Ask the issuer for an SD-JWT VC or an ISO mdoc.
wallet-error-deferred = The issuer needs more time
wallet-error-deferred-do = Ask it for a new offer later.
wallet-error-revoked = The credential is not valid any more
wallet-error-revoked-do = Its issuer revoked or suspended it. Ask the issuer for a new one.
wallet-error-verifier = The party that asks is not on the trusted list
wallet-error-verifier-do = It is not listed as one that may ask for your details. Make sure who it is.
wallet-error-partner = The partner is not on the trusted list
wallet-error-partner-do = Choose another partner.
wallet-error-request = The request is not valid
wallet-error-request-do = Ask for a new QR code.
wallet-error-expired = The request or offer has expired
wallet-error-expired-do = Ask for a new QR code.
wallet-error-no-match = There is no fitting credential
wallet-error-no-match-do = No credential in your wallet answers this request.
wallet-error-face = The face does not match
wallet-error-face-do = It is not the one in your credential. Look straight into the camera, in good light, and try again.
wallet-error-no-face = The credential has no face to compare with
wallet-error-no-face-do = It holds none, or one that this wallet can not compare. Ask its issuer for a new credential.
wallet-error-selfie = The selfie could not be used
wallet-error-selfie-do = Show one face, straight, close and in good light.
wallet-error-selfie-covered = Part of the face is covered
wallet-error-selfie-covered-do = Take off sunglasses or a mask and keep hands and hair away from the face.
wallet-error-selfie-fresh = A fresh selfie is needed
wallet-error-selfie-fresh-do = Take one and send it again.
wallet-error-not-live = The selfie looks like a picture of a picture
wallet-error-not-live-do = Take it with the camera, directly.
wallet-error-liveness = The liveness check is not installed
wallet-error-liveness-do = The request demands it. Run “warifu models fetch”.
wallet-error-challenge = A picture is not enough here
wallet-error-challenge-do = The request asks for a few movements in front of the camera. Start the camera on this page.
wallet-error-movement = A movement was not seen
wallet-error-movement-do = Follow each instruction in full, then come back to the middle. Take your time.
wallet-error-other-face = Another face came into the picture
wallet-error-other-face-do = Be alone in front of the camera and start again.
wallet-error-light = The light of the screen was not seen on your face
wallet-error-light-do = Turn up the brightness of the screen, go where it is darker, and come closer.
wallet-error-recording = The recording could not be used
wallet-error-recording-do = Start the camera again and record in one go.
wallet-error-models = The face models are not installed
wallet-error-models-do = Run “warifu models fetch”.
wallet-error-network = The other side could not be reached
wallet-error-network-do = There was no answer, or it was an error. Try again in a moment.
wallet-error-answer = The other side did not accept the answer
wallet-error-answer-do = It may have received what you shared. Ask it for a new QR code.
wallet-error-registry = There is no usable trusted list
wallet-error-registry-do = Nobody can be trusted without the registry's list. Try again in a moment.
wallet-error-other = Something failed
wallet-error-other-do = The name of the reason stands below.

wallet-locked-title = Open the wallet with its link
wallet-locked-lead = This page opens only with the link that “warifu wallet serve” printed. Copy the whole link into the address bar.

wallet-home-short = Credentials
wallet-consent-kept-unknown = It does not say. Ask it, or read its privacy notice.
wallet-value-yes = Yes
wallet-value-no = No
wallet-value-picture = picture, shown below
wallet-country-QU = Unknown
wallet-country-QS = Stateless
wallet-sex-0 = Unknown
wallet-sex-1 = Male
wallet-sex-2 = Female
wallet-sex-3 = Other
wallet-sex-9 = Not applicable
wallet-level-low = Low
wallet-level-substantial = Substantial
wallet-level-high = High
wallet-method-document = Pictures of the document
wallet-method-chip = Chip of the document
wallet-check-image_quality = Picture of the document
wallet-check-document_found = Document
wallet-check-mrz_found = Machine-readable lines
wallet-check-mrz_check_digits = Check digits
wallet-check-mrz_visual_zone = Printed text
wallet-check-document_expiry = Validity
wallet-check-document_issuer = Issuer of the document
wallet-check-minimum_age = Age
wallet-check-portrait_found = Portrait
wallet-check-one_live_face = Face in the selfie
wallet-check-passive_liveness = Liveness
wallet-check-selfie_capture = Source of the selfie
wallet-check-active_liveness = Instructions followed
wallet-check-face_match = Same person
