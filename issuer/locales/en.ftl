# The hosted pages of the issuer.
home-title = Identity issuer
home-what = { $name } verifies identities once and puts the result into your wallet.
home-how = Whoever asked you to verify your identity gives you a link to begin. There is nothing to do here without one.
home-operator = Run by { $authority } ({ $country }).
home-metadata = Issuer metadata for wallets

step-document = Document
step-selfie = Selfie
step-result = Result

welcome-title = Verify your identity
welcome-what = You need your passport or an identity card with machine-readable lines (<<<), and about a minute.
welcome-step-document = You take a picture of the page with your photo.
welcome-step-selfie = You take a selfie. We compare it with the photo in your document.
welcome-step-result = You get the result at once, and can put it into your wallet.
welcome-kept = Both pictures stay encrypted; you can have them deleted.
welcome-consent = By starting you agree that your document and your face are checked for this purpose. Without it we cannot verify you; you can stop at any time by closing this page.
welcome-start = Start

document-title = Your document
document-what = Lay it flat and show the whole page with your photo and the lines at its lower edge.
document-reason = The camera is used to take one picture of your document. Nothing else is recorded.
document-send = Use this picture
document-again = That picture cannot be used
document-uncertain = We could not read everything with certainty
document-retake = Take the document again

selfie-title = Your selfie
selfie-what = Look straight into the camera, alone and in good light. Take off sunglasses.
selfie-reason = We compare your selfie with the photo in your document. Both stay encrypted; you can have them deleted.
selfie-send = Use this selfie
selfie-again = That selfie cannot be used

approved-title = Your identity is verified
recognised-what = Your selfie shows the person who was verified before. There is nothing more to do.
approved-what = Your document and your selfie belong together.
approved-revoked = This credential was revoked
approved-revoked-what = It can no longer be used. Ask whoever sent you here for a new verification.
approved-suspended = This credential is suspended
approved-suspended-what = It can not be used for now. Ask whoever sent you here.
wallet-title = Put it in your wallet
wallet-what = Scan the code with your wallet, or open it on this device. This is not a state-issued PID.
wallet-code = Your wallet asks for this code:
wallet-link = The same as a link
wallet-taken-what = You find it there under the name of this issuer.
wallet-again = Put it into another wallet
state-offer = Waiting for your wallet
state-taken = Your wallet has taken the credential
state-active = Waiting for you

declined-title = We could not verify you
declined-what = This is why:
declined-now = If you think this is wrong, contact whoever sent you here. They see the same reasons and can start again with you.
ended-by-rules = No check of your pictures led to this result. It follows from rules that whoever asked you to verify yourself has set.

review-title = A person will look at this
review-what = Not everything could be decided automatically. This is what has to be looked at:
review-when = Whoever sent you here will tell you the result, usually within two working days. There is nothing more to do now.

over-title = This link has ended
over-what = The time to finish has passed. Ask whoever sent you here for a new link.

read-title = What we read
checks-title = What was checked
field-name = Name
field-birth-date = Date of birth
field-nationality = Nationality
field-document = Document
field-expires = Document valid until
field-status = Result of the verification
field-result = Result and score
callback = Back to { $host }

consent-title = Share your verification
consent-known-as = Known to the trust registry as { $audience }
consent-kept-by-recipient = As the recipient's privacy notice says
consent-agree = { $count ->
    [one] Share 1 detail with { $name }
   *[other] Share { $count } details with { $name }
 }
consent-refuse = Do not share
hidden-pictures = Pictures of your document and your selfie
hidden-template = Your face template
shared-title = Your consent is recorded
shared-what = The recipient can now receive what you agreed to, once and for a short time.
consents-title = Your consents
consents-lead = Here is whom you allowed to receive your verification. You can take a consent back at any time; from then on nothing more is shared under it.
consents-none = You have not agreed to share anything
consents-who = Recipient
consents-what = What
consents-when = Given
consents-state = State
consents-given = Given
consents-expired = Ended
consents-withdrawn = Taken back
consents-withdraw = Take back
consents-imported = What a recipient has received already is with them. Ask them to delete it if you want that too.
consents-back = Back to your verification
scope-kyc = The whole result
scope-id-verification = Identity and document
scope-liveness = Liveness check
scope-face-match = Face comparison

refused-title = This did not work
refused-no-session = This link is not valid
refused-no-session-what = Check that you copied all of it, or ask for a new one.
refused-out-of-turn = This step is not due now
refused-out-of-turn-what = Go back to your link to see what is.
refused-tries = There were too many tries
refused-tries-what = Ask whoever sent you here for a new link.
refused-erased = Your data were deleted
refused-erased-what = Ask for a new link to verify again.
refused-audience = This recipient cannot receive your data
refused-audience-what = Nothing was shared. Tell whoever asked for your data; only they can put this right.
refused-withdrawn = This consent was taken back
refused-withdrawn-what = Nothing was shared. You can agree again if you want to.
refused-no-consent = There is no such consent
refused-no-consent-what = Go back to your consents to see which there are.
refused-busy = Someone else is changing this at the moment
refused-busy-what = Wait a few seconds and try again.
refused-field = Something in the request is missing or wrong
refused-field-what = Go back and try again. If you came here by a link, check that you copied all of it.
refused-no-reference = We know no face to compare yours with
refused-no-reference-what = Ask whoever sent you here for a link to the full verification.
refused-other-model = Your earlier face can no longer be compared
refused-other-model-what = It was measured in a way that is not in use any more. Ask whoever sent you here for a link to the full verification.
refused-models = The checks cannot run on this server at the moment
refused-models-what = Try again later.
refused-internal = Something failed on our side
refused-internal-what = Try again. If it happens again, name the reference below when you ask for help.

# The checks.
check-image_quality = Picture of the document
check-document_found = Document
check-mrz_found = Machine-readable lines
check-mrz_check_digits = Check digits
check-mrz_visual_zone = Printed text
check-document_expiry = Validity
check-document_issuer = Issuer of the document
check-minimum_age = Age
check-portrait_found = Portrait
check-one_live_face = Face in the selfie
check-passive_liveness = Liveness
check-selfie_capture = Source of the selfie
check-active_liveness = Instructions followed
check-face_match = Same person
check-duplicate_face = Known face
check-blocklisted_face = Blocklist
check-expected_details = Expected details

# What a check measured, and what it was held against.
value-short_side = { $value } px
threshold-short_side = shorter side at least { $limit } px
value-not_dark = brightness { $value } of 255
threshold-not_dark = brightness at least { $limit }
value-not_bright = brightness { $value } of 255
threshold-not_bright = brightness at most { $limit }
value-covered = hidden { $value }
threshold-covered = below { $limit }
value-sharpness = sharpness { $value }
threshold-sharpness = at least { $limit }
value-glare = { $value } % of the picture
threshold-glare = at most { $limit } %
value-text_lines = { $value ->
    [one] 1 line of text
   *[other] { $value } lines of text
 }
threshold-text_lines = at least { $limit }
value-mrz_lines = { $value ->
    [one] 1 line
   *[other] { $value } lines
 }
threshold-mrz_lines = 2 or 3 lines
value-wrong_digits = { $value } wrong
threshold-wrong_digits = none wrong, none in doubt
value-printed_fields = { $value ->
    [one] 1 field agrees
   *[other] { $value } fields agree
 }
threshold-printed_fields = all { $limit } fields
value-eyes = { $value } px between the eyes
threshold-eyes = at least { $limit } px
value-faces = { $value ->
    [one] 1 face
   *[other] { $value } faces
 }
threshold-faces = exactly 1 face
value-days_left = { $value ->
    [one] 1 day left
   *[other] { $value } days left
 }
value-days_over = { $value ->
    [one] expired 1 day ago
   *[other] expired { $value } days ago
 }
threshold-days_left = not expired
value-age = { $value } years
threshold-age = at least { $limit } years
value-score = score { $value } of 1
threshold-score = at least { $limit }
value-distance = distance { $value }
threshold-distance = below { $limit }; up to { $upper } a person looks
value-nearest_face = distance { $value } to the nearest known face
threshold-nearest_face = at least { $limit }; certain below { $upper }

# What a check found, and what to do.
reason-quality-good = The picture is sharp and evenly lit.
reason-quality-blurred = The picture is blurred. Hold still and let the camera focus.
reason-quality-dark = The picture is too dark. Find more light.
reason-quality-bright = The picture is too bright. Turn away from the light and avoid the flash.
reason-quality-glare = A reflection covers part of the picture. Tilt the document a little.
reason-quality-small = The picture is too small to read. Move closer or use a better camera.
reason-document-seen = There is a document with text in the picture.
reason-document-not-seen = There is no document in the picture. Lay it flat and show the whole page.
reason-mrz-seen = The machine-readable lines were found.
reason-mrz-not-seen = The lines with the arrows (<<<) were not found. Show the whole page with its lower edge.
reason-digits-hold = All check digits hold.
reason-digits-confirmed = One character was corrected and the printed text confirms it.
reason-digits-uncertain = The machine-readable lines could not be read with certainty.
reason-digits-wrong = A check digit in the machine-readable lines is wrong.
reason-visual-agrees = The printed text agrees with the machine-readable lines.
reason-visual-differs = The printed text does not agree with the machine-readable lines.
reason-visual-not-read = The printed text could not be read, so it was not compared.
reason-document-in-force = The document is in force.
reason-document-expired = The document has expired. Use one that is still in force.
reason-date-not-read = A date on the document could not be read.
reason-issuer-taken = Documents of this issuer are taken.
reason-specimen-taken = This is a specimen document; it is taken because this is a sandbox.
reason-specimen-refused = This is a specimen document. Use your own document.
reason-old-enough = The holder is old enough.
reason-too-young = The holder is younger than this service allows.
reason-no-minimum-age = This workflow has no minimum age.
reason-portrait-seen = The portrait on the document was found.
reason-portrait-small = The portrait on the document is small, which makes the comparison less certain.
reason-portrait-not-seen = No portrait was found on the document. Show the page with the photo.
reason-one-face = There is exactly one face in the selfie.
reason-no-face = There is no face in the selfie. Look straight into the camera, in good light.
reason-several-faces = There is more than one face in the selfie. Take it alone.
reason-face-small = The face in the selfie is too small. Move closer.
reason-face-covered = Part of the face in the selfie is covered. Take off sunglasses or a mask and keep hands and hair away from the face.
reason-face-blurred = The selfie is blurred. Hold still and let the camera focus.
reason-face-dark = The selfie is too dark. Find more light.
reason-face-bright = The selfie is too bright. Turn away from the light.
reason-liveness-live = The selfie looks like a person in front of the camera.
reason-liveness-attack = The selfie looks like a picture of a picture or of a screen.
reason-liveness-not-performed = Liveness was not performed: its model is not installed.
reason-liveness-too-tight = The face fills the picture, so liveness could not be judged. Hold the camera further away.
reason-capture-seen = The selfie was recorded by the camera of this page.
reason-capture-uploaded = The selfie was handed over as a file, so nothing is known about where it comes from.
reason-capture-virtual = The camera’s name is that of a program that feeds in pictures.
reason-capture-stalled = The camera repeated some frames, as a slow one does or a still picture.
reason-capture-needed = A picture file is not enough here. Start the camera on this page.
reason-recording-unusable = The recording does not fit the instructions. Start the camera again and record in one go.
reason-recording-late = The instructions were followed too late. Start the camera again.
reason-face-turned = The head is turned away at the start. Look straight into the camera.
reason-eyes-closed = The eyes are closed. Open them and look into the camera.
reason-challenge-met = The instructions were followed by one face.
reason-challenge-movement = A movement was not seen as it was asked for. Follow each instruction in full and come back to the middle.
reason-challenge-flat = The face moved as a flat picture does.
reason-challenge-other-face = Another face came into the picture. Be alone in front of the camera.
reason-challenge-light = The light of the screen was not seen on the face. Turn up the brightness, go where it is darker, and come closer.
reason-same-person = The selfie shows the person on the document.
reason-perhaps-same-person = The selfie may show the person on the document, but not with certainty.
reason-other-person = The selfie does not show the person on the document.
reason-same-as-reference = The selfie shows the person of the earlier verification.
reason-perhaps-same-as-reference = The selfie may show the person of the earlier verification, but not with certainty.
reason-other-than-reference = The selfie does not show the person of the earlier verification.
reason-template-of-other-model = The earlier face was measured by another model. The full verification has to be passed again.
reason-no-duplicate-face = Nobody else was approved with this face.
reason-duplicate-face = This face was approved before, for someone else.
reason-duplicate-face-other-name = This face was approved before, with a document in another name.
reason-perhaps-duplicate-face = This face resembles someone who was approved before.
reason-earlier-face-differs = The face does not look like the one of this person's earlier verification.
reason-face-not-blocked = The face is not on the blocklist.
reason-face-blocked = The face is on the blocklist.
reason-expected-agrees = The document says what was expected.
reason-expected-name-differs = The document names another person than expected.
reason-expected-birth-date-differs = The date of birth is another than expected.
reason-expected-gender-differs = The sex on the document is another than expected.
reason-expected-nationality-differs = The nationality is another than expected.
reason-expected-country-differs = The document was issued by another state than expected.
reason-expected-number-differs = The document has another number than expected.
reason-perhaps-face-blocked = The face resembles one on the blocklist.
reason-faces-not-searched = The kept faces were not searched.
reason-not-compared = The faces could not be compared.
reason-not-made = The check was not made.
reason-picture-empty = No picture arrived. Choose one and send it again.
reason-picture-unknown = This file is not a JPEG, PNG or WebP picture. Choose a photo.
reason-picture-too-large = The file is too large. Send a picture of at most 15 MB.
reason-picture-too-many-pixels = The picture has too many pixels. Send one with at most 40 megapixels.
reason-picture-damaged = The picture is damaged or cut off. Take it again.

presented-title = Show your credential
presented-what = Scan this code with the wallet that holds the credential you received from us. Your wallet shows what leaves it before you agree.
presented-purpose = Compare your selfie with the face you were verified with
presented-kept = Only the face template is asked for: numbers, no picture and no name. We compare your selfie with it and forget it.
presented-waiting = Waiting for your wallet
presented-opened = Your wallet has opened the request. Agree there.
presented-renew = Make a new code
presented-again = This credential could not be used. You can try again.
presented-not_shown = Your wallet showed nothing. Scan the new code and agree in your wallet.
presented-unreadable = What your wallet sent could not be read. Scan the new code and try again.
presented-other_issuer = This credential was not issued by us. Show the one that you received from us.
presented-other_type = This is not the identity credential that was asked for. Show the one that you received from us.
presented-not_bound = Your wallet did not sign this for our request. Scan the new code and try again.
presented-not_in_date = This credential is out of date. Renew it in your wallet, then try again.
presented-revoked = This credential is not valid any more. Ask whoever sent you here for a link to the full verification.
presented-untraceable = We can not tell which verification this credential came from. Ask whoever sent you here for a link to the full verification.
presented-other_person = This credential belongs to another account. Show the one that you received for this account.
presented-no_template = This credential holds no face. Ask whoever sent you here for a link to the full verification.
presented-other_model = The face in this credential was measured in a way that is not in use any more. Ask whoever sent you here for a link to the full verification.
step-credential = Credential

questions-kept = Your answers stay encrypted, together with your verification.
questions-send = Send my answers
questions-again = Some answers can not be used yet
questions-again-what = { $count ->
    [one] One answer needs another look. It is marked below.
   *[other] { $count } answers need another look. They are marked below.
  }
questions-optional = (optional)
questions-choose = Choose
questions-consent = Your consent
questions-group = Leave an entry empty if you do not need it.
questions-entry = Entry { $number }
questions-more = Add another entry
questions-hint-phone = With + and the country code, such as +81 90 1234 5678.
questions-hint-image = JPEG, PNG, WebP or HEIC, at most 10 MB each.
questions-hint-file = A picture or a PDF, at most 10 MB each.
address-street_1 = Street and number
address-street_2 = Second line
address-city = Town
address-region = State or prefecture
address-postal_code = Postal code
address-country = Country
answer-needed = An answer is needed here.
answer-not-asked = This was not asked. Load the page again.
answer-text = Write this as plain text.
answer-too-long = Shorten this to at most { $most } characters.
answer-number = Write a number.
answer-range = This number is out of range.
answer-choice = Choose one of the answers.
answer-time = Write a time of day, such as 14:30.
answer-date = Write a date.
answer-email = Write a mail address, such as name@example.com.
answer-phone = Write a telephone number with + and the country code.
answer-country = Choose a country.
answer-address = Write an address, at most 255 characters in each line.
answer-boolean = Tick the box, or leave it empty.
answer-list = This could not be read. Load the page again.
answer-files = Choose at most 10 files of the kinds that are named here, each at most 10 MB.
answer-entries = { $min ->
    [0] At most { $max } entries are taken.
   *[other] { $min } to { $max } entries are needed.
  }
handoff-open = Go on with your phone
handoff-title = Go on with another device
handoff-what = Scan this code with the camera of your phone. You go on there where you are now, and this page follows.
handoff-alt = QR code that opens this verification on another device
handoff-link = The same address to copy
handoff-private = The code is your personal link. Show it to nobody else.
handoff-waiting = Waiting for your other device
handoff-at = Your other device is at step { $step } of { $steps }: { $name }. Leave this page open.
handoff-done = Finished on your other device
handoff-stay = Go on with this device
handoff-late = You went on with another device
handoff-late-what = What you sent from here was not used. This is the step that is due now.
handoff-goes-back = You can close this page and go on with your other device.
again-title = Once more, please
again-document = Whoever checks your verification needs a new picture of your document. Everything else stays as you handed it in.
again-selfie = Whoever checks your verification needs a new selfie. Everything else stays as you handed it in.
again-why = Why
reason-with-tries = { $reason } { $tries }
tries-left = { $count ->
    [one] You have 1 try left.
   *[other] You have { $count } tries left.
 }
questions-title = Some questions
step-questions = Questions
welcome-step-questions = Answer some questions.
again-questions = Whoever checks your verification asks you these questions once more. Everything else stays as you handed it in.

# The report of a session as a PDF file. %page% and %pages% are filled in on each page.
report-title = Verification report
report-sandbox = SANDBOX – made for trial, and of no worth as evidence.
report-page = Page %page% of %pages%
report-made = made { $at }
report-no-japanese = This report was asked for in Japanese. No font with Japanese characters is installed where it was made, so it is in English.
report-status = Status
report-how = How it came to be
report-by-checks = Decided by the checks below, without a reviewer.
report-by-reviewer = Decided by a reviewer, { $at }. The checks had come to: { $automatic }.
report-decided = Checks made
report-session = Session
report-number = Number
report-vendor-data = Your identifier of the person
report-application = Application
report-workflow = Workflow
report-version = version { $version }
report-created = Session made
report-issuer = Verified by
report-identity = Person and document
report-no-document = No document was read in this session.
report-last-name = Surname
report-first-name = Given names
report-birth-date = Date of birth
report-birth-place = Place of birth
report-sex = Sex
report-nationality = Nationality
report-document-type = Document
report-document-number = Number of the document
report-personal-number = Personal number
report-issuing-state = Issuing state
report-expires = Valid until
report-mrz = Machine-readable lines
report-source-mrz = machine-readable lines
report-source-both = machine-readable lines; the printed text agrees
report-source-differs = machine-readable lines; the printed text says something else
report-source-unread = machine-readable lines; the printed text could not be read
report-source-printed = printed text
report-source-corrected = a reviewer corrected this to “{ $value }”, { $at }
report-undrawn = [written in a script that this report has no font for]
report-undrawn-latin = [written in a script that this report has no font for; the machine-readable lines say: { $latin }]
report-undrawn-note = Characters that no installed font has, and scripts that this report can not set, are written as their Unicode code points, such as [U+5C71].
report-pictures = Pictures
report-portrait = Portrait in the document
report-scan = Picture of the document
report-checks = Checks
report-checks-lead = Each check with what was measured, the threshold that it was held against, how it came out and what followed.
report-measured = Measured: { $value }. Threshold: { $threshold }.
report-follows = What followed: { $follows } (setting: { $knob })
report-accept = nothing
report-warn = a remark
report-review = a person has to look
report-decline = the session is declined
report-warnings = Warnings
report-reviews = Reviews
report-none = None.
report-consents = Consents to share
report-no-consents = The person did not consent to share this session with anyone.
report-reuse = Verified again
report-reuse-session = The selfie was compared with the face of an earlier session: { $session }. This session holds no identity of its own.
report-reuse-portrait = The selfie was compared with a portrait that was handed in. This session holds no identity of its own.
report-about = About this report
report-statement = This report says what software measured and what people decided, as it was kept when the report was made. It is not a certificate, and neither the software nor its results have been certified by anyone. It is not signed: whoever must rely on it should ask the issuer for the decision itself.
